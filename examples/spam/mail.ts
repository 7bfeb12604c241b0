// Mails as rows of a table: what they say, without their headers, and whether they are spam.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { convert } from 'html-to-text';
import PostalMime from 'postal-mime';

export interface Mail {
  readonly path: string;
  /** The part that is to be read. Headers would tell too much: who has sent it, by which program, and to which mailing list. */
  readonly text: string;
  readonly kind: 'ham' | 'spam';
}

/** The text of a mail as it was sent: decoded from quoted-printable or base64 and its character set, and of HTML what a reader sees. */
export async function bodyOf(raw: Uint8Array): Promise<string> {
  const { text, html } = await PostalMime.parse(raw);
  return text ?? convert(html ?? '', { wordwrap: false, selectors: [{ selector: 'img', format: 'skip' }] });
}

/** All mails in the folders of a folder, one a file: spam where the name of the folder says so. */
export async function readMails(folder: string): Promise<Mail[]> {
  const mails: Mail[] = [];
  for (const group of (await readdir(folder, { withFileTypes: true })).filter((entry) => entry.isDirectory()).map(({ name }) => name).toSorted()) {
    const kind = group.includes('spam') ? 'spam' : 'ham';
    for (const name of (await readdir(join(folder, group))).filter((file) => /\.(txt|eml)$/.test(file)).toSorted()) {
      mails.push({ path: join(group, name), text: await bodyOf(await readFile(join(folder, group, name))), kind });
    }
  }
  return mails;
}
