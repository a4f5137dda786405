/** A setting of tokens that would keep nobody out, with what to do about it. Apart from what needs `jose`. */
export class TokenSettingError extends Error {
  override readonly name = "TokenSettingError";
}
