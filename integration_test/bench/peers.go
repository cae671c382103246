package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// peerPrograms are what operators would otherwise run, as .ci/deps-bench has left them;
// "": it isn't there.
type peerPrograms struct {
	apache, openIDC string // the latter is a module of the former, beside the others
	nginx           string
	oauth2Proxy     string
	libraries       string // where those of Debian's that were not installed are
}

// findPeers finds what is there, and tells what isn't.
func findPeers(progress io.Writer) (p peerPrograms) {
	cache, err := os.UserCacheDir()
	if err != nil {
		fmt.Fprintln(progress, "no peers are measured:", err)
		return p
	}
	root := filepath.Join(cache, "onesgate", "peers")
	find := func(name, path string) string {
		path = filepath.Join(root, path)
		if _, err := os.Stat(path); err != nil {
			fmt.Fprintf(progress, "%s is not measured: %v; .ci/deps-bench gets it\n", name, err)
			return ""
		}
		return path
	}
	p.apache = find("Apache", "debian/usr/sbin/apache2")
	p.openIDC = find("mod_auth_openidc", "debian/usr/lib/apache2/modules/mod_auth_openidc.so")
	p.nginx = find("nginx", "debian/usr/sbin/nginx")
	p.oauth2Proxy = find("oauth2-proxy", "oauth2-proxy")
	if found, _ := filepath.Glob(filepath.Join(root, "debian/usr/lib/*-linux-gnu*")); len(found) > 0 {
		p.libraries = found[0]
	}
	if p.openIDC == "" {
		p.apache = ""
	}
	return p
}

const apacheName = "Apache with mod_auth_openidc"

// peersAt are the peers that are there, each with its configuration.
func (l *lab) peersAt() (found []*program, err error) {
	for _, peer := range []struct {
		binary, name string
		configure    func(*program) error
	}{
		{l.peers.nginx, "nginx", l.asNginx},
		{l.peers.apache, apacheName, l.asApache},
		{l.peers.oauth2Proxy, "oauth2-proxy", l.asOAuth2Proxy},
	} {
		if peer.binary == "" {
			continue
		}
		v, err := l.newProgram(peer.name)
		if err != nil {
			return nil, err
		}
		v.argv, v.env = []string{peer.binary}, []string{"LD_LIBRARY_PATH=" + l.peers.libraries}
		if err := peer.configure(v); err != nil {
			return nil, err
		}
		found = append(found, v)
	}
	return found, nil
}

// asNginx is a bare proxy: the floor.
func (l *lab) asNginx(v *program) error {
	file, err := v.file("nginx.conf", fmt.Sprintf(`daemon off;
worker_processes 1;
pid %[1]s/pid;
error_log stderr;
%[4]s
events { }
http {
	access_log off;
	keepalive_requests 1000000000;
	client_body_temp_path %[1]s/body;
	proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi;
	scgi_temp_path %[1]s/scgi;
	upstream ones {
		server %[3]s;
		keepalive 32;
		keepalive_requests 1000000000;
	}
	server {
		listen 127.0.0.1:%[2]d;
		location / {
			proxy_pass http://ones;
			proxy_http_version 1.1;
			proxy_set_header Connection "";
			proxy_set_header Host $host;
		}
	}
}
`, v.dir, v.port, l.ones.address, asRoot("user www-data;")))
	v.argv = append(v.argv, "-p", v.dir, "-e", "stderr", "-c", file)
	return err
}

// asApache keeps sessions in its memory, as mod_auth_openidc does by default.
func (l *lab) asApache(v *program) error {
	var modules strings.Builder
	for _, name := range []string{"mpm_event", "authn_core", "authz_core", "authz_user", "proxy", "proxy_http", "auth_openidc"} {
		fmt.Fprintf(&modules, "LoadModule %s_module %s/mod_%s.so\n", name, filepath.Dir(l.peers.openIDC), name)
	}
	file, err := v.file("apache2.conf", fmt.Sprintf(`%[1]s
ServerRoot %[2]s
DefaultRuntimeDir %[2]s
PidFile %[2]s/pid
ErrorLog /dev/stderr
LogLevel warn
Listen 127.0.0.1:%[3]d
ServerName http://localhost:%[3]d
%[8]s
KeepAlive On
MaxKeepAliveRequests 0
StartServers 2
MinSpareThreads 25
MaxSpareThreads 75
ThreadsPerChild 25
MaxRequestWorkers 150
MaxConnectionsPerChild 0

OIDCProviderMetadataURL %[4]s/.well-known/openid-configuration
OIDCClientID %[5]s
OIDCClientSecret %[6]s
OIDCRedirectURI http://localhost:%[3]d/oidc
OIDCCryptoPassphrase a-passphrase-of-enough-length
OIDCScope openid
OIDCSessionInactivityTimeout 86400

ProxyPass /oidc !
ProxyPass / http://%[7]s/
<Location />
	AuthType openid-connect
	Require valid-user
</Location>
`, modules.String(), v.dir, v.port, l.microsoft.issuer,
		l.microsoft.app.ClientID, l.microsoft.app.Secrets[0].Value, l.ones.address, asRoot("User www-data\nGroup www-data")))
	v.argv, v.signIn, v.forgets = append(v.argv, "-f", file, "-D", "FOREGROUND"), "/", true
	return err
}

// asOAuth2Proxy keeps sessions in cookies, as it does by default.
func (l *lab) asOAuth2Proxy(v *program) error {
	v.argv = append(v.argv,
		"--provider=oidc", "--oidc-issuer-url="+l.microsoft.issuer, "--scope=openid", "--oidc-email-claim=sub",
		"--client-id="+l.microsoft.app.ClientID, "--client-secret="+l.microsoft.app.Secrets[0].Value,
		fmt.Sprintf("--http-address=127.0.0.1:%d", v.port), "--redirect-url="+v.url()+"/oauth2/callback", "--upstream=http://"+l.ones.address,
		"--cookie-secret=0123456789abcdef0123456789abcdef", "--cookie-secure=false", "--email-domain=*", "--skip-provider-button",
		"--request-logging=false", "--auth-logging=false")
	v.signIn = "/"
	return nil
}

// asRoot is what only root has to say.
func asRoot(words string) string {
	if os.Getuid() != 0 {
		return ""
	}
	return words
}
