// Imported into a program (NODE_OPTIONS=--import=...), says at its end which it was and the most memory that it had resident, in KB.
import { basename } from 'node:path';

process.on('exit', () => console.error(`peak of ${basename(process.argv[1] ?? '')}: ${process.resourceUsage().maxRSS}`));
