// Completion for bash, out of the tree of commands: words of subcommands, options, choices of an option, else file names.

import type { CommandNode } from './command-tree.ts';

/** out: a script for bash-completion's folder; it needs nothing of bash-completion itself. */
export function completion(tree: CommandNode): string {
  const nodes = flatten(tree);
  const words = nodes.map(({ path, children, options }) => {
    const flags = options.flatMap(({ flags }) => flags);
    const all = [...children.map((child) => child.path.at(-1)!), ...flags, '--help'];
    return `    '${path.join(' ')}') words='${[...new Set(all)].join(' ')}' ;;`;
  });
  const choices = nodes.flatMap(({ path, options }) =>
    options
      .filter(({ choices }) => choices.length > 0)
      .flatMap(({ flags, choices }) =>
        flags.map((flag) => `    '${[...path, flag].join(' ')}') words='${choices.join(' ')}' ;;`),
      ),
  );
  const paths = nodes.filter(({ path }) => path.length > 0).map(({ path }) => `'${path.join(' ')}'`);
  return `# bash completion of forebear; made from its --help by packaging/completion.ts.
_forebear() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD - 1]} path= words= i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "\${path:+$path }\${COMP_WORDS[i]}" in
    ${paths.join(' | ')}) path="\${path:+$path }\${COMP_WORDS[i]}" ;;
    esac
  done
  case "\${path:+$path }$before" in
${choices.join('\n')}
  esac
  if [ -n "$words" ]; then
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
    return
  fi
  case "$path" in
${words.join('\n')}
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
  [ \${#COMPREPLY[@]} -gt 0 ] || mapfile -t COMPREPLY < <(compgen -f -- "$word")
}
complete -o filenames -F _forebear forebear
`;
}

function flatten(node: CommandNode): CommandNode[] {
  return [node, ...node.children.flatMap(flatten)];
}
