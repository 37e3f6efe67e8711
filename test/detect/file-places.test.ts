import { expect, it } from 'vitest';
import { filePlaces } from '../../src/detect/file-places.ts';
import type { Rule } from '../../src/detect/rule.ts';
import { FieldTable } from '../../src/ecs/fields.ts';
import { makeEqlRule, makeRule } from './rules.ts';

const fields = new FieldTable();
const over: Partial<Rule> = { sensors: ['file'] };

function placesOf(query: string): readonly string[] | 'anywhere' {
  const isEql = /^(file|any|process|sequence)\b/.test(query) && query.includes(' where ');
  const rule = isEql ? makeEqlRule(fields, query, over) : makeRule(fields, query, over);
  const { prefixes } = filePlaces([rule]);
  return prefixes.length === 0 ? 'anywhere' : prefixes;
}

// query, how the paths begin that it could match
const QUERIES: [string, readonly string[] | 'anywhere'][] = [
  ['event.category:file and file.path:/etc/*', ['/etc/']],
  ['event.category:file and file.path:(/etc/a or "/opt/b c" or /run/?x)', ['/etc/a', '/opt/b c', '/run/']],
  ['event.category:file and (file.path:/etc/a* or file.name:x)', 'anywhere'],
  ['event.category:file and file.path:*/etc/*', 'anywhere'],
  ['event.category:file and file.path:/*', 'anywhere'],
  ['event.category:file and not file.path:/etc/*', 'anywhere'],
  ['event.category:file and process.name:a', 'anywhere'],
  ['file where file.path == "/etc/rc.local"', ['/etc/rc.local']],
  ['file where "/etc/rc.local" == file.path', ['/etc/rc.local']],
  ['file where file.path != "/etc/rc.local"', 'anywhere'],
  ['file where file.path in ("/a/x", "/b/y")', ['/a/x', '/b/y']],
  ['file where file.path like~ ("/etc/*.d/x", "/lib?/y")', ['/etc/', '/lib']],
  ['file where file.path : "/Etc/x*" and process.name == "y"', ['/Etc/x']],
  ['file where file.path : ("/etc/x*", "*/y")', 'anywhere'],
  ['file where startsWith(file.path, "/etc/")', ['/etc/']],
  ['file where file.Ext.original.path : "/tmp/*" and file.extension == "service"', ['/tmp/']],
  ['file where file.path : "/usr/lib/*" and not file.path : "/usr/lib/x/*"', ['/usr/lib/']],
  ['file where file.path : "/a*" and file.path : ("/a/b*", "/a/c*")', ['/a']],
  ['sequence by process.entity_id [process where true] [file where file.path : "/etc/*"]', ['/etc/']],
  ['sequence by host.id [file where file.path : "/etc/*"] [file where process.name : "x"]', 'anywhere'],
  ['any where file.path : "/etc/*"', ['/etc/']],
];
it.each(QUERIES)('%s: %j', (query, places) => expect(placesOf(query)).toEqual(places));

// query, names between the slashes of what it could match
const FOLDERS: [string, string[]][] = [
  ['event.category:file and file.path:*.git/hooks/*', ['*.git', 'hooks']],
  ['event.category:file and file.path:(/a/b* or */c)', ['a', 'b*', 'c']],
  ['event.category:file and not file.path:/a/b', []],
  ['file where file.path like "/home/*/.cache/*"', ['.cache', 'home']],
  ['file where file.path like "/home/*/.*/x"', ['home', 'x']],
  ['file where endswith(file.path, "/.git/config") and process.name == "a/b"', ['.git', 'config']],
  ['file where file.path == "/a" and not file.path : "/b/*"', ['a']],
];
it.each(FOLDERS)('%s: folders %j', (query, folders) => {
  const isEql = query.startsWith('file where');
  const rule = isEql ? makeEqlRule(fields, query, over) : makeRule(fields, query, over);
  expect(filePlaces([rule]).folders).toEqual(folders);
});

it('of rules that see no files, nothing; of others, each once, in order', () => {
  const rule = (id: string, query: string, sensors: string[]) => makeRule(fields, query, { rule_id: id, sensors });
  const rules = [
    rule('a', 'file.path:/opt/*', ['exec']),
    rule('b', 'file.path:/etc/*', ['file']),
    rule('c', 'file.path:(/bin/* or /etc/*)', ['file', 'exec']),
    rule('e', 'process.name:x', ['file']),
    rule('d', 'file.name:x', ['file']),
  ];
  expect(filePlaces(rules)).toEqual({ prefixes: ['/bin/', '/etc/'], folders: ['bin', 'etc'] });
});
