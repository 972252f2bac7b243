variable "names" {
  default   = ["a"]
  sensitive = true
}

group "g" {
  for_each     = toset(var.names) #~ sensitive-key
  display_name = "x"
}
