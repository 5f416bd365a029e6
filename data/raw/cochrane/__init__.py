"""The data package of a Cochrane review, as tables in our words."""
