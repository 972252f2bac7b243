variable "x" {
  default = 1

  validation {
    condition     = "maybe" #~ wrong-type
    error_message = "No."
  }
}
