import type { ComponentChildren } from 'preact';

/** An icon for a button. It has no text, because the button has an accessible name. */
function Icon({ children }: { children: ComponentChildren }) {
  return (
    <svg
      class="icon"
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      stroke-width="1.75"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
    >
      {children}
    </svg>
  );
}

/** An arrow upwards: send. */
export const SendIcon = () => (
  <Icon>
    <path d="M12 19V5M6 11l6-6 6 6" />
  </Icon>
);

/** A square: stop. */
export const StopIcon = () => (
  <Icon>
    <rect x="7" y="7" width="10" height="10" rx="1.5" fill="currentColor" />
  </Icon>
);

/** A plus: a new conversation. */
export const NewIcon = () => (
  <Icon>
    <path d="M12 5v14M5 12h14" />
  </Icon>
);

/** A head and shoulders: a person. */
export const PersonIcon = () => (
  <Icon>
    <circle cx="12" cy="8" r="3.5" />
    <path d="M5 20c.7-3.8 3.400-5.500 7-5.500s6.300 1.700 7 5.500" />
  </Icon>
);

/** A thumb upwards. */
export const ThumbUpIcon = () => (
  <Icon>
    <path d="M7 10v10H4V10zM7 10l4-7c1.500 0 2.500 1.100 2.500 2.500L13 9h5.200c1.300 0 2.200 1.200 1.900 2.400l-1.600 7c-.2.900-1 1.600-2 1.600H7" />
  </Icon>
);

/** A thumb downwards. */
export const ThumbDownIcon = () => (
  <Icon>
    <path d="M17 14V4h3v10zM17 14l-4 7c-1.500 0-2.500-1.100-2.500-2.500L11 15H5.800c-1.300 0-2.200-1.200-1.900-2.400l1.600-7C5.700 4.700 6.500 4 7.500 4H17" />
  </Icon>
);

/** An arrow in a circle: regenerate. */
export const RegenerateIcon = () => (
  <Icon>
    <path d="M19.500 12a7.500 7.500 0 1 1-2.200-5.300M19.500 3.500v4h-4" />
  </Icon>
);

/** A pencil: edit. */
export const EditIcon = () => (
  <Icon>
    <path d="M4 20l1-4L16 5l3 3L8 19zM14 7l3 3" />
  </Icon>
);

/** An arrow to the left. */
export const PreviousIcon = () => (
  <Icon>
    <path d="M14 7l-5 5 5 5" />
  </Icon>
);

/** An arrow to the right. */
export const NextIcon = () => (
  <Icon>
    <path d="M10 7l5 5-5 5" />
  </Icon>
);

/** An arrow downwards: to the end. */
export const DownIcon = () => (
  <Icon>
    <path d="M12 5v14M6 13l6 6 6-6" />
  </Icon>
);

/** A cross: close. */
export const CloseIcon = () => (
  <Icon>
    <path d="M6 6l12 12M18 6L6 18" />
  </Icon>
);

/** Two sheets: copy. */
export const CopyIcon = () => (
  <Icon>
    <rect x="9" y="9" width="11" height="11" rx="2" />
    <path d="M5 15a1.5 1.5 0 0 1-1-1.5V5.5A1.5 1.5 0 0 1 5.5 4H13.5A1.5 1.5 0 0 1 15 5" />
  </Icon>
);
