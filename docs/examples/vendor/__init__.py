"""A package as a vendor would ship it: one card, one fabric (docs/adding-a-card.md and -a-fabric.md)."""
