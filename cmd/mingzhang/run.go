package main

import (
	"context"
	"errors"
	"io"
	"regexp"
	"strings"
	"sync/atomic"

	"github.com/spf13/cobra"
)

// session is one run of the program: its settings and its streams.
type session struct {
	config
	stdin          io.Reader
	stdout, stderr io.Writer
	receipt        string       // file of --receipt-file; empty: no proof is asked for
	started        bool         // the command line was understood
	progress       bool         // --progress: tell how far it is also where standard error is no terminal
	booksAge       atomic.Int64 // seconds that the server says its books are old; 0 when it does not
}

// run carries out one command line. It returns when the command is done, or soon after the context ends.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	s := &session{config: config{lang: languageOf(args)}, stdin: stdin, stdout: stdout, stderr: stderr}
	root := s.root(args)
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil || s.started || errors.As(err, new(*failure)) {
		return err
	}
	said := strings.Join(strings.Fields(err.Error()), " ")
	return &failure{exitUsage, "", "用法有误:" + wronglyUsed(said) + "。请看 " + cmd.CommandPath() + " --help。",
		"Used wrongly: " + said + ". See " + cmd.CommandPath() + " --help.", err}
}

// What the parser of command lines says, and the same in Chinese.
var wrongUses = []struct {
	said *regexp.Regexp
	zh   string
}{
	{regexp.MustCompile(`^accepts (\d+) arg\(s\), received (\d+)$`), "要 $1 个参数,给了 $2 个"},
	{regexp.MustCompile(`^accepts at most (\d+) arg\(s\), received (\d+)$`), "最多 $1 个参数,给了 $2 个"},
	{regexp.MustCompile(`^requires at least (\d+) arg\(s\), only received (\d+)$`), "至少要 $1 个参数,只给了 $2 个"},
	{regexp.MustCompile(`^unknown flag: (\S+)$`), "没有选项 $1"},
	{regexp.MustCompile(`^unknown shorthand flag: '(.)' in (\S+)$`), "没有选项 $2"},
	{regexp.MustCompile(`^flag needs an argument: (?:'.' in )?(\S+)$`), "选项 $1 后面要有值"},
	{regexp.MustCompile(`^invalid argument (".*") for (".*") flag: .*$`), "选项 $2 的值 $1 不对"},
	{regexp.MustCompile(`^invalid argument (".*") for ".*"$`), "参数 $1 不对"},
	{regexp.MustCompile(`^unknown command (".*") for "mingzhang ?(.*?)" Did you mean this\? (.*)$`), "没有命令 $1,是不是 $3"},
	{regexp.MustCompile(`^unknown command (".*") for "(.*?)"$`), "没有命令 $1"},
}

func wronglyUsed(said string) string {
	for _, w := range wrongUses {
		if w.said.MatchString(said) {
			return w.said.ReplaceAllString(said, w.zh)
		}
	}
	return said
}

// root is the program with the commands that a command line can need: the verbs of the API are left out when it names a
// command written by hand, which then starts as fast as if there were none.
func (s *session) root(args []string) *cobra.Command {
	root := &cobra.Command{
		Use:   "mingzhang",
		Short: s.lang.text("明账:集体资金的账簿,每一笔都在,谁都能查", "mingzhang keeps the books of money a community owns together"),
		Long: s.lang.text(`明账:集体资金的账簿。先看演示:mingzhang demo --once

在数据目录里办理(--data),或连到服务器办理(--server 和 --key)。
设置先看命令行,再看环境变量,最后用默认值;没有配置文件。
退出码:0 办成;1 规则不允许;2 用法有误;3 连不上或存储有问题;4 核验不符。`,
			`mingzhang keeps the books of money a community owns together. See it first: mingzhang demo --once

Work in a data directory (--data) or on a server (--server and --key).
A setting comes from its flag, else from the environment, else it has its default; there is no configuration file.
Exit codes: 0 done; 1 refused by a rule; 2 used wrongly; 3 server or storage cannot be used; 4 verification failed.`),
		SilenceErrors: true, SilenceUsage: true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if err := s.settle(cmd); err != nil {
				return err
			}
			s.started = true
			return nil
		},
	}
	root.AddGroup(&cobra.Group{ID: mainGroup, Title: s.lang.text("命令:", "Commands:")})
	root.SetCompletionCommandGroupID(mainGroup)
	root.SetHelpCommand(&cobra.Command{Use: "help [command]", GroupID: mainGroup, Short: s.lang.text("看用法", "show the usage"), Run: func(cmd *cobra.Command, args []string) {
		if about, _, err := root.Find(args); err == nil {
			_ = about.Help() // to stdout; there is nobody to tell
		}
	}})
	s.flags(root)
	root.PersistentFlags().BoolP("help", "h", false, s.lang.text("看用法", "show the usage"))
	root.AddCommand(s.demoCmd(), s.serveCmd(), s.initCmd(), s.operatorCmd(), s.foundCmd(), s.applyCmd(), s.balanceCmd(), s.journalCmd(),
		s.statementCmd(), s.closeCmd(), s.reverseCmd(), s.exportCmd(), s.importCmd(), s.publishCmd(), s.backupCmd(), s.restoreCmd(), s.storeCmd(),
		s.watchCmd(), s.witnessCmd(), s.explainCmd(), s.changesCmd(), s.rolesCmd(), s.eventsCmd(), s.verifyCmd(), s.versionCmd(), s.attachCmd(), s.documentCmd(), s.keyCmd(), s.signerCmd(), s.verbsCmd(), s.manCmd())
	s.completion(root)
	for _, cmd := range root.Commands() {
		cmd.GroupID = mainGroup
	}
	if byHand, _, err := root.Find(args); err != nil || byHand == root || looksAtAll[byHand.Name()] {
		s.addVerbs(root)
	}
	root.SetUsageTemplate(s.usage(root))
	return root
}

// looksAtAll are the commands that look at all others.
var looksAtAll = map[string]bool{"help": true, "verbs": true, "man": true, "completion": true}

// mainGroup is the group of the commands written by hand.
const mainGroup = "main"

// usage is cobra's template with the verbs of the API by name alone below the main commands (a group's title has them), and
// with the headings in Chinese where that is the language.
func (s *session) usage(root *cobra.Command) string {
	template := strings.NewReplacer(
		`(and (eq .GroupID $group.ID) (or`, `(and (eq .GroupID $group.ID) (eq $group.ID "`+mainGroup+`") (or`,
		`{{rpad .Name .NamePadding }} {{.Short}}{{end}}{{end}}{{end}}{{if not`, `{{rpad .Name 11 }} {{.Short}}{{end}}{{end}}{{end}}{{if not`,
	).Replace(root.UsageTemplate())
	if s.lang == english {
		return template
	}
	return strings.NewReplacer(
		"Usage:", "用法:", "Available Commands:", "命令:", "Global Flags:", "通用选项:", "Flags:", "选项:", "Examples:", "例:",
		`Use "{{.CommandPath}} [command] --help" for more information about a command.`, `某个命令的用法:{{.CommandPath}} [command] --help`,
	).Replace(template)
}
