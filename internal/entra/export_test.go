package entra

// Settle waits for what is being renewed in the background.
func (p *Provider) Settle() { p.work.Wait() }
