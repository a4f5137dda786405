/** One thing that attacks on a prompt say, and what it alone weighs. */
export interface InjectionRule {
  readonly name: string;
  /** From 0 to 1: how sure it is of an attack when nothing else is found. */
  readonly weight: number;
  /** In RE2's syntax; texts are looked through in lower case, with single spaces. */
  readonly pattern: string;
}

const all = "(?:all|any|every|each|these|those|the|my|your|our|its|of|other) ";
const before =
  "(?:previous|prior|above|preceding|earlier|former|initial|original|existing|current|system|foregoing|past) ?";
const orders =
  "(?:instructions?|directions?|directives?|guidelines?|rules?|prompts?|commands?|constraints?|programming|training|messages?|context|safety \\w{1,12})";
const drop =
  "(?:ignore|disregard|forget|override|overrule|bypass|neglect|skip|discard|drop|set aside|pay no attention to|do not follow|don'?t follow|stop following)";

/**
 * What is looked for. Each is coarse by itself, and ordinary texts say one of them now and then, so most weigh less than
 * the usual threshold and only several of them make an attack.
 */
export const rules: readonly InjectionRule[] = [
  { name: "ignore_instructions", weight: 0.8, pattern: `\\b${drop} (?:${all}){0,4}(?:${before}){1,3}${orders}?\\b` },
  { name: "ignore_rules", weight: 0.5, pattern: `\\b${drop} (?:${all}){1,4}${orders}\\b` },
  {
    name: "forget_everything",
    weight: 0.6,
    pattern: "\\bforget (?:everything|all)(?: that)?(?: you| i| we|,? above| before| you)\\b",
  },
  {
    name: "new_instructions",
    weight: 0.5,
    pattern:
      "\\b(?:your|here are|these are|follow|the) (?:your |the |my )?(?:new|updated|real|actual|true) (?:instructions|orders|rules|task|objective|system prompt)\\b",
  },
  {
    name: "instead_do",
    weight: 0.3,
    pattern:
      "\\b(?:instead|from now on|henceforth|going forward),? (?:you (?:will|must|shall|should|are)|say|answer|respond|reply|output|print|act)\\b",
  },
  {
    name: "reveal_prompt",
    weight: 0.7,
    pattern:
      "\\b(?:reveal|show|print|repeat|output|display|leak|disclose|tell me|give me|dump|recite|return|write out|what (?:is|are|was|were))(?: me| us| out| back)? (?:(?:all|the|your|full|entire|complete|exact|original|initial|hidden|secret|whole|verbatim|of) ){0,5}(?:system prompt|system message|hidden prompt|initial prompt|pre-?prompt|initial instructions|hidden instructions|secret instructions|system instructions|developer message)\\b",
  },
  {
    name: "repeat_above",
    weight: 0.6,
    pattern:
      "\\b(?:repeat|print|output|copy|write) (?:(?:all|everything|the|each|every|of) ){0,3}(?:words|text|content|lines|everything)? ?(?:above|before this|prior to this)\\b",
  },
  {
    name: "role_play_unbound",
    weight: 0.7,
    pattern:
      "\\b(?:act|behave|respond|answer|pretend|role-?play|simulate)(?: as| like| to be| that you are)? .{0,40}\\b(?:without (?:any )?(?:restrictions|limits|limitations|rules|filters|censorship|guidelines)|no (?:restrictions|limits|rules|filters|guidelines)|unrestricted|unfiltered|uncensored|amoral|evil)\\b",
  },
  {
    name: "you_are_now",
    weight: 0.35,
    pattern: "\\byou(?: are|'re) (?:now|no longer|going to be|actually) (?:an? |the |in )?[a-z]",
  },
  {
    name: "known_jailbreak",
    weight: 0.8,
    pattern:
      "\\b(?:do anything now|dan mode|d\\.a\\.n\\.|developer mode (?:enabled|on|output)|jailbreak(?:ed|ing)? (?:mode|prompt|yourself)|stay in character as dan|aim mode|evil confidant|god mode enabled|sudo mode|opposite mode|grandma (?:used to|exploit))\\b",
  },
  {
    name: "claims_authority",
    weight: 0.4,
    pattern:
      "\\b(?:i am|i'm|this is) (?:your|the|an?) (?:developer|creator|administrator|admin|system administrator|openai|anthropic|owner|programmer)\\b",
  },
  {
    name: "fake_system_turn",
    weight: 0.6,
    pattern:
      "(?:^|\\n) ?(?:#{1,4} ?|\\[|<|<\\||\\*\\*)?(?:system|assistant|developer)(?: (?:prompt|message|instructions?|override|update|note))?(?:\\]|>|\\|>|\\*\\*)? ?: ?(?:you|ignore|disregard|new|from|the|do|always|never|override|important)\\b",
  },
  {
    name: "control_tokens",
    weight: 0.85,
    pattern:
      "<\\|(?:im_start|im_end|system|user|assistant|endoftext|begin_of_text|start_header_id|end_header_id|eot_id)\\|>|\\[/?inst\\]|<</?sys>>|<(?:start|end)_of_turn>",
  },
  {
    name: "closes_delimiter",
    weight: 0.5,
    pattern:
      "</(?:system|instructions?|prompt|context|user_input|user|document|data|untrusted)>.{0,40}(?:ignore|now|new|system|instead|instructions?)\\b",
  },
  {
    name: "end_of_prompt",
    weight: 0.5,
    pattern:
      "(?:-{3,}|={3,}|#{3,}) ?(?:end of|begin|start of|new) (?:the )?(?:prompt|instructions?|system|context|user input|document)\\b",
  },
  {
    name: "hide_from_user",
    weight: 0.6,
    pattern:
      "\\b(?:do not|don'?t|never|without) (?:tell|mention|inform|reveal|telling|mentioning|informing|alert|notify|let)(?: this)?(?: to)? (?:the |your )?(?:user|human|customer|anyone|operator)s?\\b",
  },
  {
    name: "to_the_assistant",
    weight: 0.6,
    pattern:
      "\\b(?:note|message|instructions?|attention|important|reminder|hey|dear)(?: to| for)?:? ?(?:the |any |all )?(?:ai|llm|language model|assistant|chatbot|ai agent|agent|model)s?(?: reading| processing| that| who|:|,)",
  },
  {
    name: "exfiltrate",
    weight: 0.7,
    pattern:
      "\\b(?:send|post|forward|email|upload|exfiltrate|transmit|append|leak)(?: [\\w']{1,20}){0,6} (?:api keys?|passwords?|secrets?|credentials?|tokens?|conversation|chat history|private data|user data|system prompt|environment variables)(?: \\w{1,20}){0,4} to\\b",
  },
  {
    name: "exfiltrate_by_link",
    weight: 0.7,
    pattern: "!\\[[^\\]\\n]{0,80}\\]\\(https?://[^\\s)]{1,200}[?&][a-z_]{1,20}=(?:\\{|\\[|<|%7b|\\$)",
  },
  {
    name: "call_tool_for_me",
    weight: 0.5,
    pattern:
      "\\b(?:you must|immediately|now|please|first,?) (?:call|invoke|run|execute|use) (?:the )?[\\w.-]{1,40} ?(?:tool|function|command)\\b.{0,80}\\b(?:delete|transfer|send|password|rm -rf|drop table|all files)\\b",
  },
  {
    name: "refusal_suppression",
    weight: 0.5,
    pattern:
      "\\b(?:never (?:say|refuse|apologi[sz]e)|(?:do not|don'?t) (?:refuse|apologi[sz]e|say (?:no|sorry|that you|you can'?t)|include (?:any )?(?:warnings?|disclaimers?))|you (?:can(?:not|'t)|must not|may not) refuse)\\b",
  },
  {
    name: "forced_prefix",
    weight: 0.45,
    pattern:
      "\\b(?:begin|start) (?:your|the|every|each) (?:response|answer|reply|message)s? (?:with|by saying) [\"'“]?(?:sure|absolutely|of course|yes|certainly)\\b",
  },
  {
    name: "encoded_order",
    weight: 0.55,
    pattern:
      "\\b(?:decode|decrypt|base64|rot13|hex|reverse)(?: \\w{1,20}){0,6} (?:and|then) (?:follow|execute|obey|run|do|carry out|comply)\\b",
  },
  {
    name: "hypothetical_unbound",
    weight: 0.35,
    pattern:
      "\\b(?:hypothetically|in a fictional|for educational purposes|purely fictional|imagine|in this story).{0,80}\\b(?:no rules|no laws|no restrictions|no ethical|without restrictions|anything is allowed)\\b",
  },
  {
    name: "prompt_of_others",
    weight: 0.45,
    pattern:
      "\\b(?:ignorier(?:e|en)|vergiss|ignora|olvida|ignorez|oubliez|oublie|ignore|dimentica|esqueça|negeer|игнорируй|忽略)(?: \\S{1,20}){0,3} (?:vorherigen|bisherigen|vorigen|anteriores|instrucciones|instructions précédentes|précédentes|consignes|istruzioni|precedenti|instruções|vorige|instructies|предыдущие|инструкции|anweisungen)",
  },
];
