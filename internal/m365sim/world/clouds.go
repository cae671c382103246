package world

import "strings"

// A Cloud is where one of Microsoft's separate worlds is reached here. All
// roots are without a slash at the end. Microsoft's hosts have become paths:
//
//	login.microsoftonline.com, graph.microsoft.com                     /
//	login.partner.microsoftonline.cn, microsoftgraph.chinacloudapi.cn  /21vianet
//	login.microsoftonline.us, graph.microsoft.us                       /us_gov
//	dod-graph.microsoft.us                                             /us_gov_dod
//
// Each authority has an old alias under /legacy before its path; documents
// fetched there have the alias in all addresses but the issuer's
// (https://learn.microsoft.com/entra/identity-platform/authentication-national-cloud).
type Cloud struct {
	Name  string
	Login string // the authority's root
	Graph string // Graph's root, and what stands before the full names of its scopes
	STS   string // the root of version 1's issuers
	// TokenExchange is the audience of federated credentials' tokens.
	TokenExchange string
}

type cloudPaths struct{ name, login, graph, exchange string }

// clouds are paths below the simulator's base.
var clouds = []cloudPaths{
	{"microsoft", "", "", "api://AzureADTokenExchange"},
	{"21vianet", "/21vianet", "/21vianet", "api://AzureADTokenExchangeChina"},
	{"us_gov", "/us_gov", "/us_gov", "api://AzureADTokenExchangeUSGov"},
	{"us_gov_dod", "/us_gov", "/us_gov_dod", "api://AzureADTokenExchangeUSGov"},
}

// legacy stands before an authority's path when its alias is used.
const legacy = "/legacy"

func cloudAt(base string, i int) Cloud {
	c := clouds[i]
	return Cloud{Name: c.name, Login: base + c.login, Graph: base + c.graph, STS: base + c.login + "/sts", TokenExchange: c.exchange}
}

// Cloud returns the cloud of that name; "" is microsoft.
func (w *World) Cloud(name string) Cloud {
	for i, c := range clouds {
		if c.name == name {
			return cloudAt(w.Base, i)
		}
	}
	return cloudAt(w.Base, 0)
}

// CloudOf takes the cloud off a path: it returns the cloud, the root under
// which it was called, and the rest of the path.
func (w *World) CloudOf(path string) (c Cloud, root, rest string) {
	rest, old := strings.CutPrefix(path, legacy)
	if old = old && strings.HasPrefix(rest, "/"); !old {
		rest = path
	}
	found := 0
	for i, c := range clouds {
		if after, is := strings.CutPrefix(rest, c.graph); is && c.graph != "" && strings.HasPrefix(after, "/") {
			found, rest = i, after
		}
	}
	c = cloudAt(w.Base, found)
	if root = c.Graph; old {
		root = w.Base + legacy + clouds[found].login
	}
	return c, root, rest
}
