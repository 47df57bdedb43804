# Covariances of paired areas by pROC. The input is a JSON list of tables, each a list of rows [label, one, other]; R has no
# JSON of its own, so brackets tell tables apart and the rest are numbers.
suppressPackageStartupMessages(library(pROC))
text <- paste(readLines(file("stdin"), warn = FALSE), collapse = "")
tables <- strsplit(text, "]],", fixed = TRUE)[[1]]
found <- sapply(tables, function(table) {
  numbers <- as.numeric(strsplit(gsub("[][]", "", table), ",")[[1]])
  x <- matrix(numbers, ncol = 3, byrow = TRUE)
  one <- roc(x[, 1], x[, 2], direction = "<", levels = c(0, 1), quiet = TRUE)
  other <- roc(x[, 1], x[, 3], direction = "<", levels = c(0, 1), quiet = TRUE)
  p <- roc.test(one, other, method = "delong", paired = TRUE)$p.value
  sprintf("[%.17g,%.17g,%.17g,%.17g]", cov(one, other, method = "delong"), var(one), var(other), p)
})
cat("[", paste(found, collapse = ","), "]")
