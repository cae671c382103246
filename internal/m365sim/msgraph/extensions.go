package msgraph

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/onesgate/onesgate/internal/m365sim/exchange"
	"github.com/onesgate/onesgate/internal/m365sim/front"
)

// Open extensions (https://learn.microsoft.com/graph/api/resources/opentypeextension)
// stay with the copy that they were written on.

const extensionPrefix = "Microsoft.OutlookServices.OpenTypeExtension."

func shownExtension(name string, members map[string]any) map[string]any {
	m := maps.Clone(members)
	m["@odata.type"], m["id"], m["extensionName"] = "#microsoft.graph.openTypeExtension", extensionPrefix+name, name
	return m
}

// extensionReply answers one extension.
func (v *call) extensionReply(status int, name string, members map[string]any) front.Reply {
	m := shownExtension(name, members)
	m["@odata.context"] = v.context(fmt.Sprintf("events('%s')/extensions/$entity", url.PathEscape(v.PathValue("event"))))
	return front.JSON(status, m)
}

// extension finds the one that the path names, short or in full.
func (v *call) extension() (it exchange.Item, name string, err error) {
	if it, err = v.openItem(); err != nil {
		return it, "", err
	}
	name, _ = strings.CutPrefix(v.PathValue("extension"), extensionPrefix)
	if it.Extensions[name] == nil {
		return it, "", exchange.ErrNotFound
	}
	return it, name, nil
}

func (g *Graph) listExtensions(v *call) (front.Reply, error) {
	it, err := v.openItem()
	if err != nil {
		return front.Reply{}, err
	}
	value := []any{}
	for _, name := range slices.Sorted(maps.Keys(it.Extensions)) {
		value = append(value, shownExtension(name, it.Extensions[name]))
	}
	return front.JSON(http.StatusOK, map[string]any{"@odata.context": v.context("events/extensions"), "value": value}), nil
}

func (g *Graph) getExtension(v *call) (front.Reply, error) {
	it, name, err := v.extension()
	if err != nil {
		return front.Reply{}, err
	}
	return v.extensionReply(http.StatusOK, name, it.Extensions[name]), nil
}

func (g *Graph) createExtension(v *call) (front.Reply, error) {
	it, err := v.openItem()
	if err != nil {
		return front.Reply{}, err
	}
	name, members, err := v.extensionBody()
	switch {
	case err != nil:
		return front.Reply{}, err
	case name == "":
		return front.Reply{}, badRequest("BadRequest", "The extensionName has to be given.")
	case it.Extensions[name] != nil:
		return front.Reply{}, badRequest("Conflict", "An extension named '%s' exists already.", name)
	}
	g.keepExtension(v, it, name, members)
	return v.extensionReply(http.StatusCreated, name, members), nil
}

func (g *Graph) updateExtension(v *call) (front.Reply, error) {
	it, name, err := v.extension()
	if err != nil {
		return front.Reply{}, err
	}
	_, members, err := v.extensionBody()
	if err != nil {
		return front.Reply{}, err
	}
	g.keepExtension(v, it, name, members)
	return v.extensionReply(http.StatusOK, name, members), nil
}

func (g *Graph) deleteExtension(v *call) (front.Reply, error) {
	it, name, err := v.extension()
	if err != nil {
		return front.Reply{}, err
	}
	g.keepExtension(v, it, name, nil)
	return front.Reply{Status: http.StatusNoContent}, nil
}

// extensionBody reads an extension: any members beside its name.
func (v *call) extensionBody() (name string, members map[string]any, err error) {
	if err := json.Unmarshal(v.Body, &members); err != nil || members == nil {
		return "", nil, badRequest("BadRequest", "Unable to read JSON request payload.")
	}
	name, _ = members["extensionName"].(string)
	maps.DeleteFunc(members, func(member string, _ any) bool {
		return strings.HasPrefix(member, "@odata.") || member == "extensionName" || member == "id"
	})
	return name, members, nil
}

// keepExtension sets an extension; without members it is removed.
func (g *Graph) keepExtension(v *call, it exchange.Item, name string, members map[string]any) {
	changed := it.Clone()
	if changed.Extensions == nil {
		changed.Extensions = map[string]map[string]any{}
	}
	if changed.Extensions[name] = members; members == nil {
		delete(changed.Extensions, name)
	}
	g.exchange.Annotate(it, changed, v.Now)
}
