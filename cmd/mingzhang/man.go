package main

import (
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
	"github.com/spf13/pflag"
)

func (s *session) manCmd() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "man",
		Short: s.lang.text("写出手册页", "write the manual pages"),
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if dir == "" {
				return failed(exitUsage, "请用 --dir 给出目录。", "Say where with --dir.")
			}
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return cannotWrite(dir, err)
			}
			root := cmd.Root()
			root.DisableAutoGenTag = true
			escapeMarkdown(root)
			header := &doc.GenManHeader{Section: "1", Source: "mingzhang " + version(), Manual: "mingzhang"}
			if err := doc.GenManTree(root, header, dir); err != nil {
				return cannotWrite(dir, err)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&dir, "dir", "", s.lang.text("写到哪个目录", "directory to write to"))
	return cmd
}

// escapeMarkdown keeps what stands in angle brackets in the help, e.g. org/<public name>: pages are made by way of Markdown,
// which takes it for HTML and drops it.
func escapeMarkdown(cmd *cobra.Command) {
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) { f.Usage = strings.ReplaceAll(f.Usage, "<", `\<`) })
	for _, c := range cmd.Commands() {
		escapeMarkdown(c)
	}
}

func (s *session) verbsCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "verbs",
		Short: s.lang.text("列出所有命令,包括由接口生成的", "list every command, those made of the API too"),
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			t := &table{columns: []column{
				{name: "verb", zh: "命令", en: "Verb"}, {name: "method", zh: "接口", en: "Method"}, {name: "about", zh: "作用", en: "What it does"},
			}}
			for _, v := range verbs() {
				t.add(v.name, v.service()+"/"+string(v.method.Name()), v.about(s.lang))
			}
			for _, c := range cmd.Root().Commands() {
				if c.GroupID == mainGroup && c.IsAvailableCommand() {
					t.add(c.Name(), "", c.Short)
				}
			}
			if s.csv {
				return t.printCSV(s.stdout)
			}
			return t.print(s.stdout, s.lang)
		},
	}
}
