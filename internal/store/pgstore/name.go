package pgstore

import (
	"fmt"
	"net"
	"strconv"
	"strings"
)

// Name returns which database the options mean, without the user and the
// password: all gateways that share it name it so. The error is ErrURL. It asks
// nobody.
func (o Options) Name() (string, error) {
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	if o.MaxConns == 0 {
		o.MaxConns = defaultMaxConns
	}
	c, err := o.config()
	if err != nil {
		return "", err
	}
	hosts := []string{address(c.ConnConfig.Host, c.ConnConfig.Port)}
	for _, f := range c.ConnConfig.Fallbacks { // with and without TLS
		if host := address(f.Host, f.Port); host != hosts[len(hosts)-1] {
			hosts = append(hosts, host)
		}
	}
	return fmt.Sprintf("postgres://%s/%s", strings.Join(hosts, ","), c.ConnConfig.Database), nil
}

func address(host string, port uint16) string { return net.JoinHostPort(host, strconv.Itoa(int(port))) }
