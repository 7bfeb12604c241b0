import { parseHashedColumn, parseVocabularyColumn } from './categories.js';
import type { ColumnEncoder } from './column.js';
import { parseDateColumn } from './dates.js';
import type { JsonReader } from './json.js';
import { parseNumberColumn } from './number-column.js';
import { parseTokensColumn } from './tokens.js';
import { parseWordsColumn } from './words.js';

const KINDS = ['number', 'oneHot', 'ordinal', 'embedding', 'hashed', 'dates', 'words', 'terms', 'tokens'] as const;

/** Reads a fitted column that toJSON() has written. Throws FileFormatError for anything else. */
export function parseEncoder(reader: JsonReader): ColumnEncoder {
  const kind = reader.kind(KINDS);
  switch (kind) {
    case 'number':
      return parseNumberColumn(reader);
    case 'oneHot':
    case 'ordinal':
    case 'embedding':
      return parseVocabularyColumn(reader, kind);
    case 'hashed':
      return parseHashedColumn(reader);
    case 'dates':
      return parseDateColumn(reader);
    case 'words':
    case 'terms':
      return parseWordsColumn(reader, kind);
    case 'tokens':
      return parseTokensColumn(reader);
  }
}
