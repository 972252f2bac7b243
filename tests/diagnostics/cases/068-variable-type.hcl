variable "names" {
  type    = list(strin) #~ bad-type
  default = []
}
