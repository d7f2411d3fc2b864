"""Elements, Part 10 files, the strict bounded scanner and byte splicing; never decodes what it need not."""
