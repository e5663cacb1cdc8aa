output "function_arn" {
  description = "The function"
  value       = aws_lambda_function.authorizer.arn
}

output "function_name" {
  description = "The function's name, for the permission"
  value       = aws_lambda_function.authorizer.function_name
}

output "invoke_arn" {
  description = "The function as an authorizer's URI"
  value       = aws_lambda_function.authorizer.invoke_arn
}

output "log_group_name" {
  description = "The log group with a line for each refusal and each key refresh"
  value       = aws_cloudwatch_log_group.authorizer.name
}
