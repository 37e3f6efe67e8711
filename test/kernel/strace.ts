// What strace saw of a program's system calls with files, as the ground truth of a sensor: `strace -f -y` of a run in a folder that
// was empty, so that it can be said which open made a file. Calls that the file system's own code makes are none of it.

/** Text of strace's -e trace=. */
export const FILE_CALLS =
  'open,openat,creat,rename,renameat,renameat2,unlink,unlinkat,rmdir,link,linkat,symlink,symlinkat,mknod,mknodat,truncate,' +
  'ftruncate,write,writev,pwrite64,copy_file_range,sendfile,fallocate,ioctl,mkdir,mkdirat,chdir,fchdir';

export interface StraceAccount {
  created: string[];
  /** "new from old" */
  renamed: string[];
  deleted: string[];
  /** Of all that was written to while it had a name, once. */
  written: Set<string>;
}

interface Call {
  name: string;
  args: string[];
  result: string;
}

/** in: strace's output, the folder in which all happened and by which relative names go. */
export function readStrace(text: string, folder: string): StraceAccount {
  const account: StraceAccount = { created: [], renamed: [], deleted: [], written: new Set() };
  const there = new Set<string>();
  for (const call of callsOf(text)) {
    if (!call.result.startsWith('-')) take(call, folder, there, account);
  }
  return account;
}

/** Calls of several processes may stand in each other: "<unfinished ...>" and "<... name resumed>". */
function* callsOf(text: string): Generator<Call> {
  const begun = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, pid, rest] = /^(\d+) +(.*)$/.exec(line) ?? [];
    if (pid === undefined || rest === undefined) continue;
    if (rest.endsWith(' <unfinished ...>')) {
      begun.set(pid, rest.slice(0, -' <unfinished ...>'.length));
      continue;
    }
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(rest);
    const whole = resumed === null ? rest : `${begun.get(pid) ?? ''}${resumed[1]}`;
    const [, name, args, result] = /^(\w+)\((.*)\)\s+= (.+)$/.exec(whole) ?? [];
    if (name !== undefined) yield { name, args: split(args!), result: result! };
  }
}

/** Arguments between commas that are not in quotes or brackets. */
function split(text: string): string[] {
  return (
    text.match(/(?:"(?:[^"\\]|\\.)*"(?:\.\.\.)?|<[^>]*>|\{[^}]*\}|\[[^\]]*\]|[^,])+/g)?.map((arg) => arg.trim()) ?? []
  );
}

function take({ name, args, result }: Call, folder: string, there: Set<string>, account: StraceAccount): void {
  const at = (text: string | undefined, base = '') => {
    const given = JSON.parse(text ?? '""') as string;
    const from = /<(.*)>/.exec(base)?.[1] ?? folder;
    return new URL(`file://${given.startsWith('/') ? '' : `${encodeURI(from)}/`}${encodeURI(given)}`).pathname;
  };
  const create = (path: string) => {
    if (!there.has(path)) account.created.push(path);
    there.add(path);
  };
  const rename = (from: string, to: string) => {
    account.renamed.push(`${to} from ${from}`);
    for (const path of [...there].filter((other) => other === from || other.startsWith(`${from}/`))) {
      there.delete(path);
      there.add(to + path.slice(from.length));
    }
  };
  const remove = (path: string) => {
    account.deleted.push(path.replace(/\/$/, ''));
    there.delete(path);
  };
  const write = (text: string | undefined) => {
    const path = /<(\/[^>]*)>/.exec(text ?? '')?.[1];
    if (path !== undefined && !path.endsWith('(deleted)') && Number(result.split('<')[0]) > 0)
      account.written.add(path);
  };
  switch (name) {
    case 'open':
    case 'creat':
    case 'openat': {
      const flags = name === 'creat' ? 'O_CREAT|O_TRUNC' : args[name === 'open' ? 1 : 2]!;
      const path = /<(.*)>/.exec(result)?.[1];
      if (path === undefined || flags.includes('TMPFILE')) break;
      if (flags.includes('O_TRUNC') && there.has(path)) account.written.add(path);
      if (flags.includes('O_CREAT')) create(path);
      break;
    }
    case 'mknod':
      create(at(args[0]));
      break;
    case 'mknodat':
      create(at(args[1], args[0]));
      break;
    case 'link':
    case 'symlink':
      create(at(args[1]));
      break;
    case 'linkat':
      create(at(args[3], args[2]));
      break;
    case 'symlinkat':
      create(at(args[2], args[1]));
      break;
    case 'rename':
      rename(at(args[0]), at(args[1]));
      break;
    case 'renameat':
    case 'renameat2':
      rename(at(args[1], args[0]), at(args[3], args[2]));
      break;
    case 'unlink':
    case 'rmdir':
      remove(at(args[0]));
      break;
    case 'unlinkat':
      remove(at(args[1], args[0]));
      break;
    case 'truncate':
      account.written.add(at(args[0]));
      break;
    case 'ftruncate':
    case 'fallocate':
      account.written.add(/<(\/[^>]*)>/.exec(args[0]!)?.[1] ?? '');
      break;
    case 'copy_file_range':
      write(args[2]);
      break;
    case 'ioctl':
      if (args[1]?.startsWith('FICLONE') === true) account.written.add(/<(\/[^>]*)>/.exec(args[0]!)?.[1] ?? '');
      break;
    default:
      write(args[0]);
  }
}
