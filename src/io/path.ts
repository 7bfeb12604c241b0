/** Location of a file: a path, its bytes (a Buffer), or a URL of the scheme file:. */
export type FilePath = string | Uint8Array | { readonly href: string; readonly protocol: string };
