variable "count" {
  type    = number
  default = "many" #~ bad-variable-value
}
