permission_set "a" {
  relay_state = "https://console.aws.amazon.com/<home>" #~ invalid-relay-state
}
