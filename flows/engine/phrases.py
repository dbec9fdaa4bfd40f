"""What the engine says by itself, in the contact's language."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

PHRASES: Final[Mapping[str, Mapping[str, str]]] = {
    "pt-br": {
        "text": "Não entendi. Pode escrever a resposta em texto?",
        "length": "A resposta precisa ter entre {min} e {max} caracteres.",
        "regex": "A resposta não está no formato esperado.",
        "email": "Isso não parece um e-mail. Exemplo: ana@exemplo.com",
        "phone": "Não reconheci o telefone. Escreva com DDD, por exemplo (11) 98765-4321.",
        "number": "Preciso de um número. Exemplo: 12 ou 12,5",
        "range": "O número precisa estar entre {min} e {max}.",
        "choice": "Não encontrei essa opção. Escolha uma das opções, por favor.",
        "yes_no": "Responda com sim ou não, por favor.",
        "date": "Não entendi a data. Exemplo: 25/12/2026, hoje ou amanhã.",
        "time": "Não entendi o horário. Exemplo: 14:30",
        "cpf": "Esse CPF não é válido. Confira os 11 números.",
        "cnpj": "Esse CNPJ não é válido. Confira os 14 caracteres.",
        "cep": "Esse CEP não é válido. São 8 números.",
        "url": "Preciso de um endereço que comece com http:// ou https://.",
        "media": "Envie uma foto, um vídeo, um áudio ou um documento, por favor.",
        "location": "Envie a sua localização pelo clipe de anexos, por favor.",
        "contact": "Envie um contato pelo clipe de anexos, por favor.",
        "fallback": "Algo deu errado por aqui. Vou chamar uma pessoa.",
        "options": "Ver opções",
        "more": "Mais opções",
        "choose": "Responda com o número da opção.",
    },
    "en": {
        "text": "I did not understand. Could you answer in writing?",
        "length": "The answer must have between {min} and {max} characters.",
        "regex": "The answer does not have the expected form.",
        "email": "That does not look like an e-mail address. Example: ana@example.com",
        "phone": "I did not recognise the phone number. Include the area code, please.",
        "number": "I need a number. Example: 12 or 12.5",
        "range": "The number must be between {min} and {max}.",
        "choice": "I did not find that option. Please choose one of the options.",
        "yes_no": "Please answer yes or no.",
        "date": "I did not understand the date. Example: 25/12/2026, today or tomorrow.",
        "time": "I did not understand the time. Example: 14:30",
        "cpf": "That CPF is not valid. Please check its 11 digits.",
        "cnpj": "That CNPJ is not valid. Please check its 14 characters.",
        "cep": "That postal code is not valid. It has 8 digits.",
        "url": "I need an address that begins with http:// or https://.",
        "media": "Please send a photo, a video, an audio or a document.",
        "location": "Please send your location.",
        "contact": "Please send a contact.",
        "fallback": "Something went wrong. I will call a person.",
        "options": "See options",
        "more": "More options",
        "choose": "Answer with the number of the option.",
    },
}


def say(key: str, language: str, **values: object) -> str:
    """Return a phrase; Portuguese for languages we do not speak."""
    return _phrase(key, language).format(**values) if values else _phrase(key, language)


@lru_cache(maxsize=1024)
def _phrase(key: str, language: str) -> str:
    phrases = PHRASES.get(language.lower()) or PHRASES["en" if language.lower().startswith("en") else "pt-br"]
    return phrases[key]
