group "platform team" {} #~ bad-label
