# Mean and spread of the numbers in a file, as JSON.
{ n++; sum += $1; squares += $1 * $1 }
END { mean = sum / n; printf "{\"level\": %.17g, \"spread\": %.17g}\n", mean, sqrt(squares / n - mean * mean) }
