package caddymodule

import (
	"errors"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/onesgate/onesgate/internal/entra"
)

// providers are the identity providers of all configurations, by issuer. During
// a reload two configurations share them, so that what discovery and the key set
// have said need not be asked for again.
var providers = caddy.NewUsagePool()

type sharedProvider struct{ *entra.Provider }

// Destruct waits for what is being renewed.
func (p sharedProvider) Destruct() error {
	p.Close()
	return nil
}

// provider returns the provider of an issuer, until release.
func (s *settings) provider(issuer string) (*entra.Provider, error) {
	p, _, err := providers.LoadOrNew(issuer, func() (caddy.Destructor, error) {
		return sharedProvider{entra.NewProvider(issuer, s.http, time.Now)}, nil
	})
	if err != nil {
		return nil, err
	}
	s.issuers = append(s.issuers, issuer)
	return p.(sharedProvider).Provider, nil
}

// release lets go of the providers.
func (s *settings) release() error {
	var problems []error
	for _, issuer := range s.issuers {
		_, err := providers.Delete(issuer)
		problems = append(problems, err)
	}
	s.issuers = nil
	return errors.Join(problems...)
}

// Interface guard
var _ caddy.Destructor = sharedProvider{}
