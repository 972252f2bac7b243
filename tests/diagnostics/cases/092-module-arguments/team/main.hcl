variable "name" {
  default = "team"
}

variable "members" {
  type = list(user)
}

variable "color" {
  default = null
}
