// Package deploy holds the ways to run onesgate: a container image, Compose, systemd and
// Kubernetes, and how a release is made. Its tests read each file with the program that it is
// for, or that program's own reader, and run what can be run: the image, for one, is built and
// started. docs/deploy.md says how each is used, and what was not tried.
package deploy
