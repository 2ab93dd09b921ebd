package main

import (
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mingzhang-ledger/mingzhang/eventstore/eventstoredb"
)

const (
	dataDefault = "./mingzhang-data"

	envData   = "MINGZHANG_DATA"
	envServer = "MINGZHANG_SERVER"
	envKey    = "MINGZHANG_KEY_FILE"
	envStore  = "MINGZHANG_STORE"
	envSigner = "MINGZHANG_SIGNER"
)

// config is what all commands share. Each field is its flag, else its environment variable, else its default.
type config struct {
	data       string // --data, MINGZHANG_DATA: the data directory; used when no server is named
	store      string // --store, MINGZHANG_STORE: connection string of the cluster with the log; empty: as the data directory says. Never printed.
	signer     string // --signer, MINGZHANG_SIGNER: socket of the signer in another process; empty: as the data directory says
	server     string // --server, MINGZHANG_SERVER: URL of a server; empty: work in the data directory
	keyFile    string // --key, MINGZHANG_KEY_FILE: file with the bearer key for the server; empty: call without a key
	collective string // --collective: its id; empty: the only one there is
	as         string // --as: operator who gives the commands in a data directory; empty: the one who may
	json, csv  bool   // --json, --csv: answers for programs
	lang       language
}

func (c *config) flags(root *cobra.Command) {
	l, f := c.lang, root.PersistentFlags()
	f.StringVar(&c.data, "data", "", l.text("数据目录(环境变量 ", "data directory (environment ")+envData+l.text(",默认 ", ", default ")+dataDefault+l.text(")", ")"))
	f.StringVar(&c.store, "store", "", l.text("账簿所在集群的连接串 esdb://…,代替数据目录里写的(", "connection string of the cluster with the log, esdb://…, instead of what the data directory says (")+envStore+l.text(")", ")"))
	f.StringVar(&c.signer, "signer", "", l.text("签名进程的套接字,代替数据目录里写的(", "socket of the signer in another process, instead of what the data directory says (")+envSigner+l.text(")", ")"))
	f.StringVar(&c.server, "server", "", l.text("服务器网址,代替数据目录(", "URL of a server, instead of a data directory (")+envServer+l.text(")", ")"))
	f.StringVar(&c.keyFile, "key", "", l.text("存有密钥的文件,用于服务器(", "file with the key for the server (")+envKey+l.text(")", ")"))
	f.StringVar(&c.collective, "collective", "", l.text("集体的编号(默认:唯一的那个)", "id of the collective (default: the only one)"))
	f.StringVar(&c.as, "as", "", l.text("以哪位操作员办理(只用于数据目录)", "operator who gives the command (in a data directory)"))
	f.BoolVar(&c.json, "json", false, l.text("输出 JSON", "print JSON"))
	f.BoolVar(&c.csv, "csv", false, l.text("输出 CSV", "print CSV"))
	f.String("lang", string(l), l.text("语言:zh 或 en(默认看 LC_ALL、LANG)", "language: zh or en (default: LC_ALL, LANG)"))
}

// settle fills what flags left open and refuses what contradicts itself.
func (c *config) settle(cmd *cobra.Command) error {
	if c.lang != chinese && c.lang != english {
		return failed(exitUsage, "--lang 只能是 zh 或 en,不是“%s”。", "--lang is zh or en, not \"%s\".", string(c.lang))
	}
	dataSet, serverSet := cmd.Flags().Changed("data"), cmd.Flags().Changed("server")
	if dataSet && serverSet {
		return failed(exitUsage, "--data 和 --server 只能给一个。", "Give --data or --server, not both.")
	}
	if c.json && c.csv {
		return failed(exitUsage, "--json 和 --csv 只能给一个。", "Give --json or --csv, not both.")
	}
	if !serverSet && !dataSet {
		c.server = os.Getenv(envServer)
		if c.server != "" && os.Getenv(envData) != "" {
			return failed(exitUsage, "环境变量 %s 和 %s 只能设一个。", "Set %s or %s in the environment, not both.", envData, envServer)
		}
	}
	if c.data == "" {
		c.data = os.Getenv(envData)
	}
	if c.data == "" {
		c.data = dataDefault
	}
	if strings.Contains(c.data, "://") { // not repeated: it may hold a password
		return failed(exitUsage, "--data(%s)是目录,不是网址;集群的连接串用 --store,服务器用 --server。",
			"--data (%s) is a directory, not an address: a cluster is named by --store, a server by --server.", envData)
	}
	if c.store == "" && c.server == "" {
		c.store = os.Getenv(envStore)
	}
	if c.signer == "" && c.server == "" {
		c.signer = os.Getenv(envSigner)
	}
	switch {
	case c.signer != "" && c.server != "":
		return failed(exitUsage, "--signer 只用于数据目录,不能和 --server 一起给。", "--signer is for a data directory: do not give --server with it.")
	case c.store != "" && c.server != "":
		return failed(exitUsage, "--store 只用于数据目录,不能和 --server 一起给。", "--store is for a data directory: do not give --server with it.")
	case c.store != "" && !eventstoredb.IsConnectionString(c.store): // not repeated: it may hold a password
		return failed(exitUsage, "--store(%s)应是 esdb:// 开头的连接串。", "--store (%s) is a connection string that begins with esdb://.", envStore)
	}
	if c.keyFile == "" {
		c.keyFile = os.Getenv(envKey)
	}
	if c.server == "" {
		return nil
	}
	if !strings.HasPrefix(c.server, "http://") && !strings.HasPrefix(c.server, "https://") {
		return failed(exitUsage, "--server 应是 http:// 或 https:// 开头的网址,不是“%s”。", "--server is a URL that begins with http:// or https://, not \"%s\".", c.server)
	}
	if c.as != "" {
		return failed(exitUsage, "--as 只用于数据目录;对服务器请用 --key 给出密钥。", "--as is for a data directory: give a key with --key to a server.")
	}
	return nil
}
