package entra

import (
	"net/http"
	"testing"
	"time"
)

// TestTenant: whose people may come in, as configured.
func TestTenant(t *testing.T) {
	for _, tt := range []struct{ name, issuer, tenantID, want string }{
		{"configured", "https://login.microsoftonline.com/t1/v2.0", "t2", "t2"},
		{"of a Microsoft issuer", "https://login.microsoftonline.com/t1/v2.0", "", "t1"},
		{"of one in China", "https://login.partner.microsoftonline.cn/t1/v2.0", "", "t1"},
		{"of another issuer", "https://idp.example.com/t1/v2.0", "", ""},
		{"of one that looks like Microsoft's", "https://login.microsoftonline.com.example.com/t1/v2.0", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := NewClient(Config{TenantID: tt.tenantID}, NewProvider(tt.issuer, http.DefaultClient, time.Now), nil)
			if got := c.tenant(); got != tt.want {
				t.Errorf("tenant() = %q, want %q", got, tt.want)
			}
		})
	}
}
