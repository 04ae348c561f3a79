// Command dns-server is CoreDNS with zones from files: somebody's name server, beside the cluster's own.
package main

import (
	"github.com/coredns/coredns/coremain"
	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/file"
	_ "github.com/coredns/coredns/plugin/reload"
)

func main() {
	coremain.Run()
}
