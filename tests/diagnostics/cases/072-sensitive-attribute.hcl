variable "secret" {
  default   = "x"
  sensitive = true
}

group "a" {
  description = "the secret is ${var.secret}" #~ sensitive-attribute
}
