"""Pictures and labels: schema, sample table, layouts, splits, image store."""
