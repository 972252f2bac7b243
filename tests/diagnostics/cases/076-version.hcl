rolecall {
  required_version = ">= 99" #~ unsupported-version
}
