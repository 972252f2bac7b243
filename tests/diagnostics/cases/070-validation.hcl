variable "session" {
  default = "PT9H" #~ invalid-variable

  validation {
    condition     = contains(["PT1H", "PT2H"], var.session)
    error_message = "Sessions last one or two hours."
  }
}
