variable "secret" {
  default   = "x"
  sensitive = true
}

output "x" {
  value = var.secret #~ sensitive-output
}
