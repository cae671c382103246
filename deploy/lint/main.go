// Lint reads the files that container engines read with the engines' own readers, where
// there is no engine: it is a module of its own, so that they are no dependencies of ours.
//
//	lint containerfile FILE   what "docker build --check" would warn of
//	lint compose FILE         what "docker compose config" would say: the file, resolved,
//	                          in JSON, or what is wrong with it
//
// It asks no registry. Exit status 1: something is wrong.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerui"
	"github.com/opencontainers/go-digest"
	"github.com/sirupsen/logrus"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 2 {
		switch args[0] {
		case "containerfile":
			return containerfile(args[1])
		case "compose":
			return compose(args[1], os.Stdout)
		}
	}
	return errors.New("usage: lint containerfile|compose FILE")
}

// anyImage is a registry whose images say nothing of themselves.
type anyImage struct{}

func (anyImage) ResolveImageConfig(_ context.Context, ref string, _ sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	return ref, digest.FromString(ref), []byte(`{"os":"linux","architecture":"amd64","config":{}}`), nil
}

func containerfile(file string) error {
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	source := llb.NewSourceMap(nil, filepath.Base(file), "Dockerfile", content)
	source.Definition = new(llb.Definition)
	result, err := dockerfile2llb.DockerfileLint(context.Background(), content, dockerfile2llb.ConvertOpt{
		Config:       dockerui.Config{LinterConfig: &linter.Config{ExperimentalAll: true}},
		SourceMap:    source,
		MetaResolver: anyImage{},
	})
	if err != nil {
		return err
	}
	var findings []error
	for _, w := range result.Warnings {
		line := int32(0)
		if w.Location != nil && len(w.Location.Ranges) > 0 {
			line = w.Location.Ranges[0].Start.Line
		}
		findings = append(findings, fmt.Errorf("%s:%d: %s: %s", file, line, w.RuleName, w.Detail))
	}
	if result.Error != nil {
		findings = append(findings, fmt.Errorf("%s: %s", file, result.Error.Message))
	}
	return errors.Join(findings...)
}

func compose(file string, to io.Writer) error {
	var said strings.Builder // what the loader says beside its errors
	logrus.SetOutput(&said)
	options, err := cli.NewProjectOptions([]string{file}, cli.WithOsEnv, cli.WithWorkingDirectory(filepath.Dir(file)))
	if err != nil {
		return err
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		return err
	}
	if said.Len() > 0 {
		return errors.New(said.String())
	}
	return json.NewEncoder(to).Encode(project)
}
