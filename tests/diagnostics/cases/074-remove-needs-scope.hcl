rolecall {
  unmanaged = "remove" #~ remove-needs-scope
}
