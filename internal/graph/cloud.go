package graph

import (
	"errors"
	"net/url"
	"slices"
	"strings"
)

// ErrNotInThisCloud: Microsoft has no such call in this cloud.
var ErrNotInThisCloud = errors.New("this cloud's Microsoft Graph has no such call")

// findMeetingTimes is a call that not every cloud has.
const findMeetingTimes = "findMeetingTimes"

// A cloud is an instance of Microsoft 365
// (https://learn.microsoft.com/graph/deployments).
type cloud struct {
	host string
	// lacks are calls of ours that its schema doesn't have
	// (https://github.com/microsoftgraph/msgraph-metadata, schemas).
	lacks []string
}

var clouds = []cloud{
	{host: "graph.microsoft.com"},
	{host: "graph.microsoft.us"},     // US Government L4
	{host: "dod-graph.microsoft.us"}, // US Government L5
	{host: "microsoftgraph.chinacloudapi.cn", lacks: []string{findMeetingTimes}}, // 21Vianet
}

// cloudAt returns the cloud that a root leads to; one that is not in the table
// counts as the global one.
func cloudAt(root string) cloud {
	if u, err := url.Parse(root); err == nil {
		for _, c := range clouds {
			if strings.EqualFold(u.Hostname(), c.host) {
				return c
			}
		}
	}
	return clouds[0]
}

func (c cloud) has(call string) bool { return !slices.Contains(c.lacks, call) }
