# pROC's areas, DeLong variances and tests, partial areas and coordinates. JSON is read by turning it into R and written by
# hand: pROC brings no package for it.
suppressMessages(library(pROC))
options(warn = -1)

text <- readLines(file("stdin"), warn = FALSE)
text <- gsub("[", "list(", gsub("{", "list(", text, fixed = TRUE), fixed = TRUE)
text <- gsub("]", ")", gsub("}", ")", text, fixed = TRUE), fixed = TRUE)
cases <- eval(parse(text = gsub("\":", "\"=", text, fixed = TRUE)))

number <- function(x) ifelse(is.finite(x), sprintf("%.17g", x), "null")
list_of <- function(x) paste0("[", paste(x, collapse = ","), "]")
numbers <- function(x) list_of(number(as.numeric(x)))

curve <- function(label, score) {
  roc(unlist(label), unlist(score), levels = c(0, 1), direction = "<", quiet = TRUE)
}
# Where a variance is 0 pROC has no statistic, or stops.
statistics <- function(test) tryCatch({
  found <- test()
  c(found$statistic, found$p.value, if (is.null(found$parameter)) 0 else found$parameter)
}, error = function(e) c(NA, NA, NA))

answer <- function(case) {
  first <- curve(case$label, case$first)
  second <- curve(case$label, case$second)
  apart <- curve(case$other_label, case$other)
  part <- function(focus, correct) sapply(case$ranges, function(range) {
    range <- unlist(range)
    auc(first, partial.auc = c(range[2], range[1]), partial.auc.focus = focus, partial.auc.correct = correct)
  })
  at <- function(input, output) sapply(unlist(case$rates), function(x) {
    as.numeric(coords(first, x = x, input = input, ret = output, transpose = TRUE))[1]
  })
  fields <- list(
    areas = numbers(c(auc(first), auc(second), auc(apart))),
    variances = numbers(c(var(first), var(second), var(apart))),
    covariance = number(cov(first, second)),
    interval = numbers(c(ci.auc(first)[c(1, 3)], ci.auc(first, conf.level = 0.9)[c(1, 3)])),
    paired = numbers(statistics(function() roc.test(first, second, paired = TRUE, method = "delong"))),
    unpaired = numbers(statistics(function() roc.test(first, apart, paired = FALSE, method = "delong"))),
    specificity = numbers(part("specificity", FALSE)),
    specificity_correct = numbers(part("specificity", TRUE)),
    sensitivity = numbers(part("sensitivity", FALSE)),
    sensitivity_correct = numbers(part("sensitivity", TRUE)),
    sensitivity_at = numbers(at("specificity", "sensitivity")),
    specificity_at = numbers(at("sensitivity", "specificity"))
  )
  paste0("{", paste0("\"", names(fields), "\":", fields, collapse = ","), "}")
}
cat(list_of(sapply(cases, answer)))
