"""Demo people, drawn: faces with mask, gender and age, and photos of them."""
