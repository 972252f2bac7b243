permission_set "a" {
  session_duration = "PT13H" #~ invalid-session-duration
}
