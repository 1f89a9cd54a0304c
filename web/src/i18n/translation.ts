/** The texts of another language: the same keys, all of them, so that one that is missing does not pass the type check. */
export type Translation<T> = { readonly [K in keyof T]: T[K] extends string ? string : Translation<T[K]> };
