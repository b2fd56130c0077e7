"""Review by speakers of a language: the pages that collect judgements, and the audit made of what they collected."""
