import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readText } from '../../scripts/source-files.ts';

const LINK = /\]\((?:<([^>]+)>|([^)\s]+))(?:\s+"[^"]*")?\)/g;
const SCRIPT_USE = /\bnpm run ([a-z][\w:-]*)/g;
const EXTERNAL = /^[a-z][a-z+.-]*:/i;

/** What a Markdown page promises and the repository does not hold: broken relative links, unknown npm scripts. */
export function findBrokenPromises(root: string, page: string): string[] {
  const text = readText(root, page);
  const scripts = Object.keys((JSON.parse(readText(root, 'package.json')) as { scripts: object }).scripts);
  const unknown = [...text.matchAll(SCRIPT_USE)]
    .map(([, name = '']) => name)
    .filter((name) => !scripts.includes(name));
  return [
    ...linksOf(text)
      .filter((link) => !leadsSomewhere(root, page, link))
      .map((link) => `${page}: ${link} leads nowhere`),
    ...unknown.map((name) => `${page}: package.json has no script ${name}`),
  ];
}

function linksOf(text: string): string[] {
  const links = [...withoutCode(text).matchAll(LINK)].map(([, bracketed, plain]) => bracketed ?? plain ?? '');
  return links.filter((link) => !EXTERNAL.test(link));
}

function leadsSomewhere(root: string, page: string, link: string): boolean {
  const [path = '', anchor] = decodeURI(link).split('#');
  const target = path === '' ? page : join(dirname(page), path);
  if (target.startsWith('..') || !existsSync(join(root, target))) return false;
  return (
    anchor === undefined || !target.endsWith('.md') || anchorsOf(readText(root, target)).includes(anchor)
  );
}

/** The anchors that GitHub gives to headings. */
function anchorsOf(text: string): string[] {
  const headings = [...withoutCode(text).matchAll(/^#{1,6}\s+(.+?)\s*$/gm)].map(
    ([, heading = '']) => heading,
  );
  return headings.map((heading) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(/\s/g, '-'),
  );
}

function withoutCode(text: string): string {
  return text
    .replaceAll(/^```[\s\S]*?^```/gm, '')
    .replaceAll(/`[^`\n]*`/g, (code) => code.slice(1, -1).replaceAll('](', '] ('));
}
